// Tool runs in the containers of the tests: it executes its arguments and prints
// what it sees.
package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		os.Exit(64)
	}
	rest := os.Args[2:]
	switch os.Args[1] {
	case "echo":
		fmt.Println(strings.Join(rest, "|"))
	case "stderr":
		fmt.Fprintln(os.Stderr, strings.Join(rest, " "))
	case "exit":
		code, _ := strconv.Atoi(rest[0])
		fmt.Fprintln(os.Stderr, "why")
		os.Exit(code)
	case "env":
		fmt.Println(os.Getenv(rest[0]))
	case "tell": // in every way there is
		for _, out := range []*os.File{os.Stdout, os.Stderr} {
			told := append([]string{os.Getenv("KEY")}, rest...)
			for _, each := range told {
				encoded := base64.StdEncoding.EncodeToString([]byte("user:" + each))
				fmt.Fprintf(out, "%s\n%q\n%s\n%s\n%s\n", each, each, url.QueryEscape(each), encoded, strings.TrimRight(encoded, "="))
			}
		}
		os.Exit(3)
	case "who":
		status, _ := os.ReadFile("/proc/self/status")
		for line := range strings.Lines(string(status)) {
			for _, key := range []string{"Uid:", "Gid:", "NoNewPrivs:", "CapEff:", "CapBnd:", "Seccomp:"} {
				if strings.HasPrefix(line, key) {
					fmt.Print(strings.Join(strings.Fields(line), " "), "\n")
				}
			}
		}
	case "read":
		text, err := os.ReadFile(rest[0])
		report(err)
		fmt.Print(string(text))
	case "write":
		report(os.WriteFile(rest[0], []byte("x"), 0o600))
	case "list":
		entries, err := os.ReadDir(rest[0])
		report(err)
		for _, each := range entries {
			fmt.Println(each.Name())
		}
	case "net":
		interfaces, err := net.Interfaces()
		report(err)
		for _, each := range interfaces {
			fmt.Println(each.Name)
		}
	case "dial":
		_, err := net.DialTimeout("tcp", rest[0], time.Second)
		report(err)
	case "memory":
		var all [][]byte
		for {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = 1
			}
			all = append(all, block)
			_ = all
		}
	case "fork":
		for n := 0; ; n++ {
			if err := exec.Command(os.Args[0], "sleep", "60").Start(); err != nil {
				fmt.Println(n, err)
				return
			}
		}
	case "endless":
		for {
			fmt.Println(strings.Repeat("x", 1000))
		}
	case "pour": // where to, and how many bytes
		to := io.Writer(os.Stdout)
		piece := []byte(strings.Repeat("äöü€", 1000))
		switch rest[0] {
		case "err":
			to = os.Stderr
		case "both":
			go func() {
				for {
					_, _ = os.Stderr.Write(piece)
				}
			}()
		case "bytes":
			for i := range piece {
				piece[i] = byte(i * 7)
			}
		}
		most, _ := strconv.Atoi(rest[1])
		for sent := 0; most < 0 || sent < most; sent += len(piece) {
			_, _ = to.Write(piece)
		}
	case "binary":
		_, _ = os.Stdout.Write([]byte{'a', 0xff, 'b'})
	case "sleep":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("begun")
		seconds, _ := strconv.Atoi(rest[0])
		time.Sleep(time.Duration(seconds) * time.Second)
	}
}

func report(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
