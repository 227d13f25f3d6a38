package conf

import (
	"fmt"
	"strconv"
)

func userSettings() table {
	return table{
		{
			name: "users_file", arg: "FILE", keys: []string{"users.file"},
			help: "the file of users that ACL LOAD and SIGHUP read and ACL SAVE writes (Redis's aclfile)",
			want: "Name a file that is there; an empty one will do.",
			set:  func(c *Config, text string) error { c.Users.File = text; return nil },
			show: func(c *Config) string { return c.Users.File },
		},
		{
			name: "users_log", arg: "N", keys: []string{"users.log"},
			help: "how many refused calls and logins ACL LOG remembers (Redis's acllog-max-len)",
			want: "Give a number from 0 to 1000000.",
			set: func(c *Config, text string) error {
				n, err := strconv.Atoi(text)
				if err != nil || n < 0 || n > maxUsersLog {
					return fmt.Errorf("%q is not such a number", text)
				}
				c.Users.LogLength = n
				return nil
			},
			show: func(c *Config) string { return strconv.Itoa(c.Users.LogLength) },
		},
		{
			name: "users_channels", arg: "WORD", keys: []string{"users.channels"},
			help: "the channels that new users may hear: allchannels or resetchannels (acl-pubsub-default)",
			want: "Give allchannels or resetchannels.",
			set: func(c *Config, text string) error {
				word := ""
				err := setWord(&word, text, noChannels, allChannels)
				if err == nil {
					c.Users.AllChannels = word == allChannels
				}
				return err
			},
			show: func(c *Config) string {
				return map[bool]string{true: allChannels, false: noChannels}[c.Users.AllChannels]
			},
		},
	}
}

// Redis's words.
const (
	allChannels = "allchannels"
	noChannels  = "resetchannels"
)

// maxUsersLog keeps the log within some hundred megabytes.
const maxUsersLog = 1_000_000
