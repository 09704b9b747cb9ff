//go:build unix

package peers

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// StartDocker starts a container engine without images, which does not change
// the firewall and stops when the test ends, and returns its address. It needs
// Linux and root; otherwise the test is skipped.
func StartDocker(tb testing.TB) string {
	tb.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		tb.Skip("a container engine takes Linux and root")
	}
	program := find(tb, "dockerd", "/usr/sbin", "/usr/bin")
	dir, err := os.MkdirTemp("", "cw") // a socket's path must be short
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	in := func(name string) string { return filepath.Join(dir, name) }
	write(tb, in("empty.json"), "{}")
	host := "unix://" + in("s")
	var said lockedBuffer
	command := exec.Command(program, "--config-file="+in("empty.json"), "--data-root="+in("root"), "--exec-root="+in("exec"),
		"--pidfile="+in("pid"), "--storage-driver=vfs", "--iptables=false", "--bridge=none", "-H", host)
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		tb.Skipf("the container engine can't be started: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	tb.Cleanup(func() { // before the kill, which its child process would survive
		_ = command.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			tb.Errorf("the container engine does not end: %s", said.String())
			_ = command.Process.Kill()
			<-ended
		}
	})
	ctx, cancel := context.WithTimeout(tb.Context(), 30*time.Second)
	defer cancel()
	for {
		if err := exec.CommandContext(ctx, "docker", "-H", host, "version").Run(); err == nil {
			return host
		}
		select {
		case <-ended:
			tb.Skipf("the container engine can't run here: %s", said.String())
		case <-ctx.Done():
			tb.Skipf("the container engine does not begin: %s", said.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
