package process_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/chainwright/chainwright/executors/internal/process"
)

const helperVariable = "PROCESS_TEST_HELPER"

// helper is what the test binary does when a test runs it.
func helper(args []string) int {
	switch args[0] {
	case "exit":
		fmt.Print("out")
		fmt.Fprint(os.Stderr, "err")
		code, _ := strconv.Atoi(args[1])
		return code
	case "cat":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "env":
		fmt.Print(strings.Join(os.Environ(), "\n"))
	case "print": // megabytes to both outputs
		n, _ := strconv.Atoi(args[1])
		block := []byte(strings.Repeat("0123456789abcdef", 1<<16))
		for range n {
			_, _ = os.Stdout.Write(block)
			_, _ = os.Stderr.Write(block)
		}
	case "closed": // its standard input before reading any
		os.Stdin.Close()
	case "stubborn": // ignores requests to stop, as do its children
		signal.Ignore(syscall.SIGTERM, os.Interrupt)
		fmt.Println("partial output")
		return family(args[1:], "stubborn")
	case "polite": // ends when asked
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		fmt.Println("ready")
		<-asked
		fmt.Println("bye")
		return 7
	case "server": // runs "stubborn" until it is killed
		_, _ = process.Run(context.Background(), process.Spec{Path: os.Args[0], Args: append([]string{"stubborn"}, args[1:]...), Env: os.Environ()})
	case "leave": // children behind
		return family(args[1:], "sleep") // they get no children of their own
	case "sleep":
		time.Sleep(time.Minute)
	}
	return 0
}

// family starts one child for each argument after the first ("group", "session")
// and writes their process ids to the file named by the first argument. With
// what "stubborn" it then waits.
func family(args []string, what string) int {
	numbers := []string{strconv.Itoa(os.Getpid())}
	for _, kind := range args[1:] {
		child := exec.Command(os.Args[0], "stubborn", "-")
		child.Stdout = os.Stdout
		if kind == "session" {
			leaveGroup(child)
		}
		pipe, err := child.StderrPipe()
		if err != nil || child.Start() != nil {
			return 1
		}
		_, _ = bufio.NewReader(pipe).ReadString('\n') // it ignores signals now
		numbers = append(numbers, strconv.Itoa(child.Process.Pid))
	}
	if args[0] != "-" {
		if os.WriteFile(args[0]+".tmp", []byte(strings.Join(numbers, " ")), 0o600) != nil || os.Rename(args[0]+".tmp", args[0]) != nil {
			return 1
		}
	}
	fmt.Fprintln(os.Stderr, "up")
	if what == "stubborn" {
		time.Sleep(time.Minute)
	}
	return 0
}
