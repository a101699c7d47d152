// What Go's runtime does with signals and memory: preemption of loops that never call, garbage collection beside them,
// nil dereferences that are panics; and its scheduler, channels, maps, child processes.
package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

type node struct{ left, right *node }

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{tree(depth - 1), tree(depth - 1)}
}

func (n *node) count() int {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

func endless() uint64 { // has no call, so nothing but a signal ends its turn
	x := uint64(1)
	for {
		x = x*6364136223846793005 + 1
		if x == 0 {
			return x
		}
	}
}

func preemption() {
	runtime.GOMAXPROCS(1)
	go endless()
	for i := 0; i < 5; i++ {
		time.Sleep(time.Millisecond)
		runtime.GC()
	}
	fmt.Println("preempted")
	runtime.GOMAXPROCS(4)
}

func trees() int64 {
	var wait sync.WaitGroup
	var total int64
	for i := 0; i < 1000; i++ {
		wait.Add(1)
		go func(i int) {
			defer wait.Done()
			atomic.AddInt64(&total, int64(tree(8).count()*i))
		}(i)
	}
	wait.Wait()
	return total
}

func channel() (sum int) {
	numbers := make(chan int, 3)
	go func() {
		for i := 0; i < 10000; i++ {
			numbers <- i
		}
		close(numbers)
	}()
	for n := range numbers {
		sum += n
	}
	return
}

func recovered(what func()) {
	defer func() { fmt.Println("recovered:", recover()) }()
	what()
}

func words() {
	count := map[string]int{}
	for i := 0; i < 100000; i++ {
		count[fmt.Sprint(i%1000)] += i
	}
	keys := []string{}
	for key := range count {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	fmt.Println(len(keys), keys[500], count[keys[500]])
}

func main() {
	preemption()
	fmt.Println(trees(), channel())
	recovered(func() {
		var nothing *node
		fmt.Println(nothing.left.count())
	})
	recovered(func() {
		var empty []int
		fmt.Println(empty[len(os.Args)])
	})
	fmt.Printf("%x\n", sha256.Sum256([]byte("abc")))
	words()
	out, err := exec.Command("uname", "-m").Output()
	fmt.Print(string(out), err, "\n")
	debug.FreeOSMemory()
	sum := 0.0
	for i := 1; i < 1000000; i++ {
		sum += 1 / float64(i*i)
	}
	fmt.Printf("%.12f\n", sum)
}
