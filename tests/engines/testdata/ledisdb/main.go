// LedisDB's own server, as its authors ship it.
package main

import "github.com/ledisdb/ledisdb/cmd"

func main() { cmd.Server() }
