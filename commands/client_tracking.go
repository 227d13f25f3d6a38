package commands

import (
	"slices"
	"strconv"
	"strings"
)

// Client-side caching has no meaning for a server without keys, but some
// clients turn it on before anything else and refuse to work without. So the
// options are checked and remembered as Redis does it, and nothing follows.

// maxPrefixes bounds what one session can make the server remember and compare.
const maxPrefixes = 256

func clientTracking(c *Context, args []string) Reply {
	on, ok := onOff(args[0])
	if !ok {
		return errSyntax
	}
	wanted, fault := parseTracking(c, args[1:])
	if fault != nil {
		return fault
	}
	if !on {
		c.Session.Update(func(client *Client) { client.Tracking = nil })
		return OK
	}
	if fault := checkTracking(&wanted, c.Session.Client().Tracking); fault != nil {
		return fault
	}
	c.Session.Update(func(client *Client) { client.Tracking = &wanted })
	return OK
}

func parseTracking(c *Context, args []string) (Tracking, Reply) {
	var t Tracking
	for len(args) > 0 {
		switch option := strings.ToLower(args[0]); {
		case option == "redirect" && len(args) >= 2:
			if t.Redirect != 0 {
				return t, errTrackTwice
			}
			id, err := strconv.ParseInt(args[1], 10, 64)
			if err != nil {
				return t, errNotInteger
			}
			if !slices.ContainsFunc(c.Host.Clients(), func(client Client) bool { return client.ID == id }) {
				return t, errTrackRedirect
			}
			t.Redirect = id
			args = args[2:]
			continue
		case option == "prefix" && len(args) >= 2:
			t.Prefixes = append(t.Prefixes, args[1])
			args = args[2:]
			continue
		case option == "bcast":
			t.Broadcast = true
		case option == "optin":
			t.OptIn = true
		case option == "optout":
			t.OptOut = true
		case option == "noloop":
			t.NoLoop = true
		default:
			return t, errSyntax
		}
		args = args[1:]
	}
	return t, nil
}

// checkTracking judges wanted against itself and against what the session has
// now (nil: nothing), and adds the prefixes that the session has already.
func checkTracking(wanted, present *Tracking) Reply {
	switch {
	case len(wanted.Prefixes) > 0 && !wanted.Broadcast:
		return errTrackPrefix
	case len(wanted.Prefixes) > maxPrefixes || present != nil && len(wanted.Prefixes)+len(present.Prefixes) > maxPrefixes:
		return errTrackPrefixes
	}
	if present != nil && present.Broadcast != wanted.Broadcast {
		return errTrackModeBcast
	}
	if wanted.Broadcast && (wanted.OptIn || wanted.OptOut) {
		return errTrackOptsBcast
	}
	if wanted.OptIn && wanted.OptOut {
		return errTrackBothOpts
	}
	if present != nil && (wanted.OptIn && present.OptOut || wanted.OptOut && present.OptIn) {
		return errTrackModeOpts
	}
	if present == nil {
		return overlap(wanted.Prefixes, nil)
	}
	if fault := overlap(wanted.Prefixes, present.Prefixes); fault != nil {
		return fault
	}
	wanted.Prefixes = append(slices.Clone(present.Prefixes), wanted.Prefixes...)
	return nil
}

// overlap refuses prefixes of which one is the beginning of another.
func overlap(wanted, present []string) Reply {
	for i, prefix := range wanted {
		for _, other := range present {
			if strings.HasPrefix(prefix, other) || strings.HasPrefix(other, prefix) {
				return errPrefixOverlap(prefix, "an existing", other)
			}
		}
		for _, other := range wanted[i+1:] {
			if strings.HasPrefix(prefix, other) || strings.HasPrefix(other, prefix) {
				return errPrefixOverlap(prefix, "another provided", other)
			}
		}
	}
	return nil
}

func clientCaching(c *Context, args []string) Reply {
	t := c.Session.Client().Tracking
	if t == nil {
		return errCachingOff
	}
	switch strings.ToLower(args[0]) {
	case "yes":
		if !t.OptIn {
			return errCachingYes
		}
	case "no":
		if !t.OptOut {
			return errCachingNo
		}
	default:
		return errSyntax
	}
	said := *t
	said.Caching = true
	c.Session.Update(func(client *Client) { client.Tracking = &said })
	return OK
}

func clientGetRedir(c *Context, _ []string) Reply {
	if t := c.Session.Client().Tracking; t != nil {
		return Int(t.Redirect)
	}
	return Int(-1)
}

func clientTrackingInfo(c *Context, _ []string) Reply {
	t := c.Session.Client().Tracking
	if t == nil {
		return trackingInfo([]string{"off"}, -1, nil)
	}
	flags := []string{"on"}
	add := func(is bool, name string) {
		if is {
			flags = append(flags, name)
		}
	}
	add(t.Broadcast, "bcast")
	add(t.OptIn, "optin")
	add(t.OptIn && t.Caching, "caching-yes")
	add(t.OptOut, "optout")
	add(t.OptOut && t.Caching, "caching-no")
	add(t.NoLoop, "noloop")
	return trackingInfo(flags, t.Redirect, t.Prefixes)
}

func trackingInfo(flags []string, redirect int64, prefixes []string) Reply {
	return Map{{"flags", Set(bulks(flags))}, {"redirect", Int(redirect)}, {"prefixes", bulks(prefixes)}}
}
