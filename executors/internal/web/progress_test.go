package web

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// slowBody takes a second for each read.
type slowBody struct{ io.Reader }

func (b slowBody) Read(p []byte) (int, error) {
	time.Sleep(time.Second)
	return b.Reader.Read(p)
}

func (slowBody) Close() error { return nil }

func TestDownloadsReportWhatTheyHaveRead(t *testing.T) {
	t.Parallel()
	for length, want := range map[int64]string{-1: "read 3 KiB", 4096: "read 3 KiB of 4 KiB"} {
		synctest.Test(t, func(t *testing.T) {
			var said []string
			call := &executors.Call{OnProgress: func(p executors.Progress) { said = append(said, p.Message) }}
			resp := &http.Response{ContentLength: length, Body: slowBody{iotest.HalfReader(strings.NewReader(strings.Repeat("x", 4096)))}}
			Followed(resp, call)
			buffer := make([]byte, 2048)
			for range 4 {
				if _, err := resp.Body.Read(buffer); err != nil {
					t.Fatal(err)
				}
			}
			if len(said) != 4 || said[2] != want {
				t.Errorf("got %q", said)
			}
		})
	}
}
