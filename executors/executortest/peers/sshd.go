package peers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// SSHDPassword is the password of the user Visitor of an SSHD.
const SSHDPassword = "correct horse"

// hash is SSHDPassword in the form of /etc/shadow.
const hash = "$6$chainwright$yXMHpnhMZDk4U3PWfi6g6Q86w8/xDxPWdkMEJmDFRoao5Brh8zZMhSL37VlqiDsuAD5Oau/UGAwz.QEou6Xtq/"

// SSHD is a running OpenSSH server.
type SSHD struct {
	// Host and Port are the address.
	Host string
	Port int
	// User logs in with the key, Visitor with the key or the password.
	User, Visitor string
	// Key is the file of an accepted private key. Locked has the same key with
	// the passphrase "open sesame". KnownHosts is a file with the host key.
	Key, Locked, KnownHosts string
	// Home is the home folder of both users.
	Home string

	log string
}

// StartSSHD starts an OpenSSH server on loopback that accepts one key. Its own
// users need Linux and root; otherwise the test is skipped.
func StartSSHD(tb testing.TB) *SSHD {
	tb.Helper()
	program := find(tb, "sshd", "/usr/sbin", "/usr/local/sbin")
	find(tb, "unshare")
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		tb.Skip("an sshd with its own users needs Linux and root")
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		tb.Skipf("sshd can't run here: %v", err)
	}
	dir := tb.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	address := freeAddress(tb)
	host, port, _ := net.SplitHostPort(address)
	s := &SSHD{Host: host, User: "root", Visitor: "visitor", Key: in("key"), Locked: in("locked"), KnownHosts: in("known_hosts"), Home: in("home"), log: in("log")}
	s.Port, _ = strconv.Atoi(port)
	keygen(tb, in("host"), "")
	keygen(tb, s.Key, "")
	keygen(tb, s.Locked, "open sesame")
	open(tb, in("authorized_keys"), read(tb, s.Key+".pub")+read(tb, s.Locked+".pub"))
	write(tb, s.KnownHosts, fmt.Sprintf("[%s]:%s %s", host, port, read(tb, in("host.pub"))))
	if err := os.Mkdir(s.Home, 0o777); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chmod(s.Home, 0o777); err != nil { //nolint:gosec // for the visitor, another user
		tb.Fatal(err)
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		tb.Skipf("there is no user to be the visitor: %v", err)
	}
	open(tb, in("passwd"), fmt.Sprintf("root:x:0:0:root:%s:/bin/bash\n%s\nvisitor:x:%s:%s::%s:/bin/sh\n", s.Home, without(read(tb, "/etc/passwd"), "root:"), nobody.Uid, nobody.Gid, s.Home))
	open(tb, in("shadow"), read(tb, "/etc/shadow")+"\nvisitor:"+hash+":19000:0:99999:7:::\n")
	open(tb, in("config"), fmt.Sprintf(`
Port %s
ListenAddress %s
HostKey %s
PidFile %s
AuthorizedKeysFile %s
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication yes
MaxStartups 200
AllowTcpForwarding yes
LogLevel VERBOSE
Subsystem sftp internal-sftp
`, port, host, in("host"), in("pid"), in("authorized_keys")))
	start(tb, exec.Command("unshare", "-m", "--propagation", "private", "sh", "-c",
		`mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow && exec "$2" -D -f "$1/config" -E "$1/log"`, "sh", dir, program), address)
	return s
}

// Logins returns the number of successful logins.
func (s *SSHD) Logins(tb testing.TB) int {
	tb.Helper()
	log := read(tb, s.log)
	return strings.Count(log, "Accepted publickey for ") + strings.Count(log, "Accepted password for ")
}

// NewKnownHosts returns a known_hosts file with another key than the server's.
func (s *SSHD) NewKnownHosts(tb testing.TB) string {
	tb.Helper()
	other := filepath.Join(tb.TempDir(), "other")
	keygen(tb, other, "")
	path := filepath.Join(filepath.Dir(s.KnownHosts), "changed_hosts")
	write(tb, path, fmt.Sprintf("[%s]:%d %s", s.Host, s.Port, read(tb, other+".pub")))
	return path
}

func keygen(tb testing.TB, path, passphrase string) {
	tb.Helper()
	program := find(tb, "ssh-keygen")
	if out, err := exec.Command(program, "-q", "-t", "ed25519", "-N", passphrase, "-f", path).CombinedOutput(); err != nil {
		tb.Fatalf("making a key: %v: %s", err, out)
	}
}

func read(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("reading a file for the test: %v", err)
	}
	return string(text)
}

// open writes a file that other users can read.
func open(tb testing.TB, path, text string) {
	tb.Helper()
	write(tb, path, text)
	if err := os.Chmod(path, 0o644); err != nil { //nolint:gosec // read by the server's other users
		tb.Fatal(err)
	}
}

// without removes the lines that have a prefix.
func without(text, prefix string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, prefix) {
			kept = append(kept, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(kept, "\n")
}
