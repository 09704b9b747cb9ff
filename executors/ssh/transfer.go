package ssh

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pkg/sftp"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/policy"
)

// upload is a file to copy to the host.
type upload struct {
	Path          string  `json:"path"`
	Content       *string `json:"content"`
	ContentBase64 *string `json:"content_base64"`
	To            string  `json:"to"`
}

// download is a file to copy from the host.
type download struct {
	From string `json:"from"`
	Path string `json:"path"`
}

type uploaded struct {
	Path string `json:"path"`
	Size int64  `json:"size"`
}

type downloaded struct {
	Path          string  `json:"path"`
	Size          int64   `json:"size"`
	SavedAs       string  `json:"saved_as,omitempty"`
	Content       *string `json:"content,omitempty"`
	ContentBase64 *string `json:"content_base64,omitempty"`
}

const (
	// endFor is the time for a host to end an SFTP session.
	endFor    = time.Second
	maxFile   = 10 << 20 // unless policy sets another limit
	maxInline = 2 << 20  // of all files in the result
)

// files are the files of a call. Local files are opened before the connection,
// so that a refused file has no effect on the host.
type files struct {
	sources []source
	sinks   []sink
	limit   int64
}

type source struct {
	reader io.Reader
	closer io.Closer
	to     string
}

type sink struct {
	download
	writer *policy.FileWriter // nil: return the content in the result
}

func openFiles(pol *policy.Policy, in Input) (_ *files, err error) {
	f := &files{limit: maxFile}
	if own := pol.Limits().FileBytes; own > 0 {
		f.limit = own
	}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	for i, each := range in.Upload {
		opened, err := each.open(pol, fmt.Sprintf("upload[%d]", i), f.limit)
		if err != nil {
			return nil, err
		}
		f.sources = append(f.sources, opened)
	}
	for i, each := range in.Download {
		to := sink{download: each}
		if each.Path != "" {
			if to.writer, err = pol.OpenWrite(each.Path, policy.Overwrite); err != nil {
				return nil, about(fmt.Sprintf("download[%d].path", i), err)
			}
		}
		f.sinks = append(f.sinks, to)
	}
	return f, nil
}

func (u upload) open(pol *policy.Policy, field string, limit int64) (source, error) {
	given := 0
	for _, is := range []bool{u.Path != "", u.Content != nil, u.ContentBase64 != nil} {
		if is {
			given++
		}
	}
	switch {
	case given != 1:
		return source{}, invalid(field, "needs exactly one of path, content and content_base64")
	case u.Content != nil:
		return source{reader: strings.NewReader(*u.Content), to: u.To}, nil
	case u.ContentBase64 != nil:
		content, err := base64.StdEncoding.DecodeString(*u.ContentBase64)
		if err != nil {
			return source{}, invalid(field+".content_base64", "is not base64")
		}
		return source{reader: strings.NewReader(string(content)), to: u.To}, nil
	}
	file, info, err := pol.OpenRead(u.Path)
	if err != nil {
		return source{}, about(field+".path", err)
	}
	if info.Size() > limit {
		_ = file.Close()
		return source{}, invalid(field+".path", "has %d bytes; the limit is %d", info.Size(), limit)
	}
	return source{reader: io.LimitReader(file, limit), closer: file, to: u.To}, nil
}

// close closes the local files and discards unfinished downloads.
func (f *files) close() {
	for _, each := range f.sources {
		if each.closer != nil {
			_ = each.closer.Close()
		}
	}
	for _, each := range f.sinks {
		if each.writer != nil {
			each.writer.Abort()
		}
	}
}

// withSFTP runs fn with an SFTP session that ends with the context.
func withSFTP(ctx context.Context, to *connection, fn func(*sftp.Client) error) error {
	got := make(chan *sftp.Client, 1)
	err := to.bounded(ctx, func() error {
		client, err := sftp.NewClient(to.Client)
		got <- client
		return err
	})
	if err != nil {
		return notBegun(fmt.Errorf("opening an SFTP session failed: %w", err))
	}
	client := <-got
	done := make(chan error, 1)
	go func() { done <- fn(client) }()
	over := false
	select {
	case err = <-done:
		over = true
	case <-ctx.Done():
	}
	// If the host does not respond, the library would block here.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = client.Close()
	}()
	select {
	case <-ended:
	case <-time.After(endFor):
		_ = to.Close()
		<-ended
	}
	if !over {
		err = <-done
	}
	return err
}

func (f *files) send(ctx context.Context, to *connection, out *Output) error {
	if len(f.sources) == 0 {
		return nil
	}
	return withSFTP(ctx, to, func(client *sftp.Client) error {
		for i, each := range f.sources {
			size, err := put(client, each)
			if err != nil {
				return remoteFile(err, fmt.Sprintf("upload[%d].to", i), each.to)
			}
			out.Uploaded = append(out.Uploaded, uploaded{each.to, size})
		}
		return nil
	})
}

func put(client *sftp.Client, from source) (int64, error) {
	file, err := client.OpenFile(from.to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return 0, err
	}
	size, err := io.Copy(file, from.reader)
	return size, errors.Join(err, file.Close())
}

func (f *files) fetch(ctx context.Context, to *connection, out *Output) error {
	if len(f.sinks) == 0 {
		return nil
	}
	room := int64(maxInline)
	return withSFTP(ctx, to, func(client *sftp.Client) error {
		for i, each := range f.sinks {
			got, err := f.get(client, each, room)
			if err != nil {
				return remoteFile(err, fmt.Sprintf("download[%d].from", i), each.From)
			}
			if each.writer == nil {
				room -= got.Size
			}
			out.Downloaded = append(out.Downloaded, got)
		}
		return nil
	})
}

func (f *files) get(client *sftp.Client, to sink, room int64) (downloaded, error) {
	got := downloaded{Path: to.From, SavedAs: to.Path}
	limit := f.limit
	if to.writer == nil {
		limit = min(limit, room)
	}
	info, err := client.Stat(to.From)
	if err != nil {
		return got, err
	}
	if !info.Mode().IsRegular() { // a pipe or a device may be endless
		return got, errors.New("is not a regular file")
	}
	file, err := client.Open(to.From)
	if err != nil {
		return got, err
	}
	defer file.Close()
	var content strings.Builder
	var into io.Writer = &content
	if to.writer != nil {
		into = to.writer
	}
	got.Size, err = io.Copy(into, io.LimitReader(file, limit+1))
	switch {
	case err != nil:
		return got, err
	case got.Size > limit:
		return got, fmt.Errorf("is longer than the limit of %d bytes", limit)
	case to.writer != nil:
		return got, to.writer.Commit()
	}
	text := content.String()
	// As base64, a text that JSON escapes a lot is shorter.
	if utf8.ValidString(text) && plainjson.Fit(text, 2*len(text)) == len(text) {
		got.Content = &text
	} else {
		coded := base64.StdEncoding.EncodeToString([]byte(text))
		got.ContentBase64 = &coded
	}
	return got, nil
}

// remoteFile adds the file to an error.
func remoteFile(err error, field, path string) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, sftp.ErrSSHFxConnectionLost), errors.Is(err, os.ErrClosed):
		return errors.Join(errConnection, err)
	case errors.Is(err, fs.ErrNotExist):
		return executors.Errorf(executors.NotFound, "%s does not exist on the host", path).WithField(field)
	case errors.Is(err, fs.ErrPermission):
		return executors.Errorf(executors.PermissionDenied, "%s: the host's permissions do not allow it", path).WithField(field)
	}
	return executors.Errorf(executors.ExecutionError, "%s: %w", path, err).WithField(field)
}
