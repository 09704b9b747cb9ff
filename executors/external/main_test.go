package external_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// helperVariable selects the program below that the test binary acts as.
const helperVariable = "EXTERNAL_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if name := os.Getenv(helperVariable); name != "" {
		os.Exit(program(name))
	}
	goleak.VerifyTestMain(m)
}

// program acts as a well-behaved or badly behaved user program.
func program(name string) int {
	switch name {
	case "echo": // returns its input
		question, _ := io.ReadAll(os.Stdin)
		fmt.Printf(`{"told": %s, "folder": %q, "home": %q}`, question, folder(), os.Getenv("OWN"))
	case "say": // writes the input answer and exits with the input code
		var q struct {
			Inputs struct {
				Answer, Note string
				Code         int
			}
		}
		_ = json.NewDecoder(os.Stdin).Decode(&q)
		fmt.Print(q.Inputs.Answer)
		fmt.Fprint(os.Stderr, q.Inputs.Note)
		return q.Inputs.Code
	case "binary":
		_, _ = os.Stdout.Write([]byte("{\"a\": \"\xff\xfe\"}"))
	case "endless":
		block := []byte(strings.Repeat("0123456789abcdef", 1<<12))
		for {
			if _, err := os.Stdout.Write(block); err != nil {
				return 1
			}
		}
	case "talkative": // writes a lot to standard error, then an answer
		block := []byte(strings.Repeat("word ", 1<<10) + "\n")
		for range 10_000 {
			_, _ = os.Stderr.Write(block)
		}
		_, _ = os.Stderr.WriteString(strings.Repeat("x", 1<<20) + "\n" + `{"progress": 1, "message": "still heard"}` + "\n")
		fmt.Print(`{"ok": true}`)
	case "polite":
		asked := make(chan os.Signal, 1)
		signal.Notify(asked, syscall.SIGTERM)
		fmt.Fprintln(os.Stderr, `{"progress": 3, "total": 100, "message": "at work"}`)
		<-asked
		fmt.Print(`{"status": "cancelled", "message": "as you wish", "progress": 3}`)
	case "family": // ignores SIGTERM and starts a child
		signal.Ignore(syscall.SIGTERM, os.Interrupt)
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), helperVariable+"=child")
		child.Stdout = os.Stdout
		pipe, _ := child.StderrPipe()
		if child.Start() != nil {
			return 1
		}
		_, _ = bufio.NewReader(pipe).ReadString('\n')
		fmt.Fprintf(os.Stderr, "{\"progress\": 1, \"message\": \"%d %d\"}\n", os.Getpid(), child.Process.Pid)
		time.Sleep(time.Minute)
	case "child":
		signal.Ignore(syscall.SIGTERM, os.Interrupt)
		fmt.Fprintln(os.Stderr, "up")
		time.Sleep(time.Minute)
	}
	return 0
}

func folder() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	return dir
}

func numbers(text string) (all []int) {
	for _, word := range strings.Fields(text) {
		n, _ := strconv.Atoi(word)
		all = append(all, n)
	}
	return all
}
