package procs

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"redis-failover/cluster/state"
)

// callTimeout bounds one call: connecting, the request and the reply each. A
// frozen or cut-off server costs no more than this.
const callTimeout = 2 * time.Second

// Dial opens a connection, with the server's user and password given. The
// caller closes it.
func (s *Server) Dial() (redis.Conn, error) {
	options := []redis.DialOption{
		redis.DialConnectTimeout(callTimeout),
		redis.DialReadTimeout(callTimeout),
		redis.DialWriteTimeout(callTimeout),
	}
	if s.plan.tls != nil {
		options = append(options, redis.DialUseTLS(true), redis.DialTLSSkipVerify(true), redis.DialTLSConfig(s.plan.tls.config()))
	}
	if s.plan.password != "" {
		options = append(options, redis.DialPassword(s.plan.password))
	}
	if s.plan.user != "" {
		options = append(options, redis.DialUsername(s.plan.user))
	}
	return redis.Dial("tcp", s.Addr.String(), options...)
}

// Connect is Dial for a connection that is proved with a PING and closed when
// the test ends; when it does not come about, the test ends now.
func (s *Server) Connect() redis.Conn {
	s.t.Helper()
	c, err := s.Dial()
	if err != nil {
		s.t.Fatalf("%s at %s: %v", s.plan.name, s.Addr, err)
	}
	s.t.Cleanup(func() { c.Close() })
	if _, err := c.Do("PING"); err != nil {
		s.t.Fatalf("%s at %s: PING: %v", s.plan.name, s.Addr, err)
	}
	return c
}

// Do sends one command over a connection of its own. An error reply is a
// redis.Error of redigo; every call ends within a few seconds.
func (s *Server) Do(command string, args ...any) (any, error) {
	c, err := s.Dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Do(command, args...)
}

// Must is Do for a command that has to work; otherwise the test ends.
func (s *Server) Must(command string, args ...any) any {
	s.t.Helper()
	reply, err := s.Do(command, args...)
	if err != nil {
		s.t.Fatalf("%s at %s: %s %v: %v", s.plan.name, s.Addr, command, args, err)
	}
	return reply
}

// Info is one section of INFO, "replication", as keys and values.
func (s *Server) Info(section string) (map[string]string, error) {
	text, err := redis.String(s.Do("INFO", section))
	if err != nil {
		return nil, err
	}
	return parseInfo(text), nil
}

// parseInfo reads the lines "key:value" of INFO.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			info[key] = value
		}
	}
	return info
}

// Role is the first word of ROLE: "master", "slave" or "sentinel".
func (s *Server) Role() (string, error) {
	reply, err := redis.Values(s.Do("ROLE"))
	if err != nil {
		return "", err
	}
	if len(reply) == 0 {
		return "", errors.New("ROLE gave an empty array")
	}
	return redis.String(reply[0], nil)
}

// IsMaster returns nil if the server says that it is a master; for Eventually.
func (s *Server) IsMaster() error {
	role, err := s.Role()
	if err == nil && role != "master" {
		err = fmt.Errorf("%s is a %s, not a master", s.Addr, role)
	}
	return err
}

// Follows returns nil if the server is a replica of master and its link is up;
// for Eventually.
func (s *Server) Follows(master state.Addr) error {
	info, err := s.Info("replication")
	if err != nil {
		return err
	}
	of := cmp.Or(info["slaveof"], info["master_host"]+":"+info["master_port"]) // LedisDB has it in one line
	switch {
	case info["role"] != "slave":
		return fmt.Errorf("%s is a %s, not a replica of %s", s.Addr, info["role"], master)
	case of != master.String():
		return fmt.Errorf("%s is a replica of %s, not of %s", s.Addr, of, master)
	case info["master_link_status"] != "up":
		return fmt.Errorf("%s follows %s, but its link is %s", s.Addr, of, info["master_link_status"])
	}
	return nil
}

// MasterAddr asks a Sentinel, or a redis-failover, for the address of a master.
// The zero Addr is its null reply: no such master.
func (s *Server) MasterAddr(name string) (state.Addr, error) {
	pair, err := redis.Strings(s.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", name))
	if errors.Is(err, redis.ErrNil) {
		return state.Addr{}, nil
	}
	if err != nil {
		return state.Addr{}, err
	}
	if len(pair) != 2 {
		return state.Addr{}, fmt.Errorf("GET-MASTER-ADDR-BY-NAME gave %q, not a host and a port", pair)
	}
	port, err := strconv.Atoi(pair[1])
	if err != nil {
		return state.Addr{}, fmt.Errorf("GET-MASTER-ADDR-BY-NAME gave the port %q", pair[1])
	}
	return state.Addr{Host: pair[0], Port: port}, nil
}

// NamesMaster returns nil if the server answers that addr is the master of that
// name; for Eventually.
func (s *Server) NamesMaster(name string, addr state.Addr) error {
	got, err := s.MasterAddr(name)
	if err == nil && got != addr {
		err = fmt.Errorf("%s says that %s is at %v, not at %v", s.Addr, name, got, addr)
	}
	return err
}

// ready returns nil if the server answers and is that process.
func (s *Server) ready(pid int) error {
	info, err := s.Info("server")
	if refusal := redis.Error(""); errors.As(err, &refusal) && strings.HasPrefix(refusal.Error(), "NOAUTH") {
		return nil // it answers; the test did not say how to log in
	}
	if err != nil {
		return err
	}
	if id, ok := info["process_id"]; ok && id != strconv.Itoa(pid) {
		return fmt.Errorf("at %s answers the process %s, not the one that was started, %d", s.Addr, id, pid)
	}
	_, err = s.Do("PING")
	if refusal := redis.Error(""); errors.As(err, &refusal) && !strings.HasPrefix(refusal.Error(), "LOADING") {
		return nil // MASTERDOWN and the like: it is up and has its reasons
	}
	return err
}
