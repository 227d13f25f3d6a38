package monitor

import (
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/go-zookeeper/zk" // want "import of github.com/go-zookeeper/zk"
	_ "github.com/gomodule/redigo/redis"
	_ "github.com/lni/dragonboat/v4/client" // want "import of github.com/lni/dragonboat/v4/client"
	_ "github.com/lni/vfs"                  // want "import of github.com/lni/vfs"
	_ "github.com/spf13/pflag"              // want "import of github.com/spf13/pflag"
	_ "github.com/spf13/viper"              // want "import of github.com/spf13/viper"
	_ "golang.org/x/exp/maps"               // want "import of golang.org/x/exp/maps"
	_ "redis-failover/cluster/raft"         // want "monitor imports cluster/raft"
	_ "redis-failover/monitor/failover"
)

var (
	lock    sync.Mutex          // want "variable lock is a lock or an atomic value"
	latest  atomic.Pointer[int] // want "variable latest is a lock or an atomic value"
	once    = sync.OnceValue(func() int { return 1 })
	names   = map[string]int{}
	options struct{ period time.Duration }
	count   int
)

func watch() {
	time.Sleep(options.period) // want "use of time.Sleep"
	names["a"] = once()        // want "variable names is changed"
	options.period = 1         // want "variable options is changed"
	count, names := 1, 2
	count, names = names, count
	_ = &count
	_ = time.Now()
}
