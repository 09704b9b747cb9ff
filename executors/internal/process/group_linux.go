package process

import "golang.org/x/sys/unix"

// waitExit waits until the program has ended, but does not reap it: its process
// id stays taken, so that killing the group can't hit other processes.
func (g *group) waitExit() bool {
	for {
		err := unix.Waitid(unix.P_PID, g.id, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return err == nil
		}
	}
}
