package main

import (
	"log/slog"

	"redis-failover/commands"
	"redis-failover/conf"
)

// openUsers makes the users of the node. The error says all that is wrong with
// them.
func openUsers(cfg *conf.Config) (*commands.Users, error) {
	o := commands.UserOptions{
		RequirePass: cfg.Server.RequirePass, File: cfg.Users.File,
		AllChannels: cfg.Users.AllChannels, LogLength: cfg.Users.LogLength,
	}
	for _, user := range cfg.Users.Lines {
		line := commands.UserLine{At: user.At.String(), Name: user.Name}
		for _, rule := range user.Rules {
			line.Rules = append(line.Rules, string(rule))
		}
		o.Lines = append(o.Lines, line)
	}
	return commands.OpenUsers(o)
}

// warnOverruled says so if the file of users has another default user than the
// password of the configuration promises.
func warnOverruled(cfg *conf.Config, users *commands.Users, log *slog.Logger) {
	pass := string(cfg.Server.RequirePass)
	if cfg.Users.File == "" || pass == "" || users.Authenticate("", pass) && !users.Open() {
		return
	}
	log.Warn("the password of the configuration has no effect: the file of users defines the default user", "file", cfg.Users.File)
}
