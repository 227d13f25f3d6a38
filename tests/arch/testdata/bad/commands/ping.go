package commands

import (
	"fmt"
	"log"
	"os"

	_ "github.com/anishathalye/porcupine" // want "import of github.com/anishathalye/porcupine"
	_ "github.com/pelletier/go-toml/v2"   // want "import of github.com/pelletier/go-toml/v2"
	_ "github.com/redis/go-redis/v9"      // want "import of github.com/redis/go-redis/v9"
	_ "go.yaml.in/yaml/v3"                // want "import of go.yaml.in/yaml/v3"
	_ "golang.org/x/sys/unix"             // want "import of golang.org/x/sys/unix"
	_ "redis-failover/monitor/failover"
	_ "redis-failover/server" // want "commands imports server"
)

func ping() {
	fmt.Println(fmt.Sprint("PONG")) // want "use of fmt.Println"
	log.Printf("PONG")              // want "use of log.Printf"
	log.Fatal("PONG")               // want "use of log.Fatal"
	os.Exit(1)                      // want "use of os.Exit"
}
