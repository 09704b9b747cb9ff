package web

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// reportEvery is the time between two reports of a download.
const reportEvery = time.Second

// Followed has the download of a response's body reported as the progress of a
// call.
func Followed(resp *http.Response, call *executors.Call) {
	if call.OnProgress != nil {
		resp.Body = &followed{ReadCloser: resp.Body, call: call, total: resp.ContentLength, last: time.Now()}
	}
}

type followed struct {
	io.ReadCloser
	call        *executors.Call
	read, total int64
	last        time.Time
}

func (f *followed) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	f.read += int64(n)
	if now := time.Now(); n > 0 && now.Sub(f.last) >= reportEvery {
		f.last = now
		text := fmt.Sprintf("read %d KiB", f.read>>10)
		if f.total > 0 {
			text += fmt.Sprintf(" of %d KiB", f.total>>10)
		}
		f.call.Progress(executors.Progress{Message: text})
	}
	return n, err
}
