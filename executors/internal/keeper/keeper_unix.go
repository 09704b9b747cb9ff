//go:build unix

package keeper

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// name is the first argument of the keeper's process, which shows it in lists of
// processes.
const name = "chainwright-keeper"

// again is the time after which a keeper that could not be started is tried
// again.
const again = time.Minute

// keeper is the server's side.
type keeper struct {
	mu      sync.Mutex
	process *os.Process // nil: it does not run
	pipe    int         // the server's end
	failed  time.Time   // when it could not be started
}

var own keeper

// Start starts the keeper unless it runs. Without one, programs are started all
// the same.
func Start() {
	own.mu.Lock()
	defer own.mu.Unlock()
	own.start()
}

// Watch has the keeper kill a process group when the server is gone.
func Watch(group int) { own.tell('+', group) }

// Forget ends that. It must be called while the group's id can't be reused.
func Forget(group int) { own.tell('-', group) }

// start starts the keeper. The lock is held.
func (k *keeper) start() {
	if k.process != nil || !k.failed.IsZero() && time.Since(k.failed) < again {
		return
	}
	if err := k.spawn(); err != nil {
		k.failed = time.Now()
	}
}

func (k *keeper) spawn() error {
	path := "/proc/self/exe" // also if the file was replaced since
	if _, err := os.Stat(path); err != nil {
		if path, err = os.Executable(); err != nil {
			return err
		}
	}
	from, to, err := os.Pipe()
	if err != nil {
		return err
	}
	defer from.Close()
	defer to.Close()
	// A descriptor of its own that never blocks: a keeper that was stopped must
	// not stop the server.
	pipe, err := duplicate(to)
	if err != nil {
		return err
	}
	cmd := &exec.Cmd{
		Path: path, Args: []string{name, markBase}, Env: []string{"GOMAXPROCS=1"}, Dir: "/", Stdin: from,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true}, // signals to the server's group don't reach it
	}
	if err := cmd.Start(); err != nil {
		_ = syscall.Close(pipe)
		return err
	}
	k.process, k.pipe = cmd.Process, pipe
	return nil
}

func duplicate(f *os.File) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return 0, err
	}
	syscall.CloseOnExec(fd)
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd)
		return 0, err
	}
	return fd, nil
}

// tell sends a message. If the keeper has ended, another is started at the next
// program.
func (k *keeper) tell(what byte, group int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process == nil {
		return
	}
	message := strconv.AppendInt([]byte{what}, int64(group), 10)
	if _, err := syscall.Write(k.pipe, append(message, '\n')); err == syscall.EPIPE {
		_ = syscall.Close(k.pipe)
		_, _ = k.process.Wait()
		k.process = nil
	}
}

// init makes this process the keeper if it was started as one. It runs before
// the packages that need more memory are initialised.
func init() {
	if len(os.Args) == 2 && os.Args[0] == name && strings.HasPrefix(os.Args[1], variable) {
		keep(os.Args[1])
		os.Exit(0)
	}
}

// keep waits for the server's end and kills what it left.
func keep(base string) {
	groups := map[int]bool{}
	var line []byte
	buffer := make([]byte, 4096)
	for {
		n, err := syscall.Read(0, buffer)
		if err == syscall.EINTR {
			continue
		}
		if n <= 0 {
			break
		}
		for _, b := range buffer[:n] {
			if b != '\n' {
				line = append(line, b)
				continue
			}
			if id, err := strconv.Atoi(string(line[1:])); err == nil && id > 1 {
				if line[0] == '+' {
					groups[id] = true
				} else {
					delete(groups, id)
				}
			}
			line = line[:0]
		}
	}
	for id := range groups {
		_ = syscall.Kill(-id, syscall.SIGKILL)
	}
	SweepAll(base)
}
