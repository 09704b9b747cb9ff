package web

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/chainwright/chainwright/executors"
)

// maxEncodings bounds how often a body can be compressed over.
const maxEncodings = 3

// Body is what was read of one.
type Body struct {
	Data []byte
	Cut  bool // there is more
	// Encoding is a content encoding that is not undone, "" for none.
	Encoding string
}

// ReadBody reads a body up to limit bytes, decompressed. What came is given
// beside an error too.
func ReadBody(resp *http.Response, limit int64) (Body, error) {
	raw := &source{Reader: resp.Body}
	reader, encoding, err := decompress(raw, resp.Header, limit)
	if err != nil {
		return Body{}, raw.explain(err)
	}
	// One byte over the limit tells a body that ends there from one that goes on.
	var into bytes.Buffer
	if known := resp.ContentLength; known > 0 && encoding == "" {
		into.Grow(int(min(known, limit)) + bytes.MinRead)
	}
	_, err = into.ReadFrom(io.LimitReader(reader, limit+1))
	got := Body{Data: into.Bytes(), Encoding: encoding}
	if int64(len(got.Data)) > limit {
		got.Data, got.Cut = got.Data[:limit], true
		return got, nil
	}
	got.Cut = err != nil
	return got, raw.explain(err)
}

// source is a body as it comes, and whether its end was reached.
type source struct {
	io.Reader
	ended bool
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.ended = s.ended || errors.Is(err, io.EOF)
	return n, err
}

// hollow ends a body that is compressed so that hardly anything comes of it:
// a few bytes could keep us busy for long after the call.
type hollow struct {
	io.Reader
	left int64
}

var errHollow = errors.New("it is longer than what it holds")

func (h *hollow) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, errHollow
	}
	n, err := h.Reader.Read(p[:min(int64(len(p)), h.left)])
	h.left -= int64(n)
	return n, err
}

// spare is what a compressed body may have beyond twice of what is read of it.
const spare = 1 << 20

// decompress undoes the content encodings that are known, from the last to
// the first, and names the first one that is not.
func decompress(from io.Reader, header http.Header, limit int64) (reader io.Reader, unknown string, err error) {
	encodings := strings.Split(strings.Join(header.Values("Content-Encoding"), ","), ",")
	reader = from
	if len(encodings) > maxEncodings {
		return reader, strings.Join(encodings, ","), nil
	}
	for i := len(encodings) - 1; i >= 0; i-- {
		switch name := strings.ToLower(strings.TrimSpace(encodings[i])); name {
		case "", "identity":
		case "gzip", "x-gzip":
			buffered := bufio.NewReader(&hollow{reader, 2*limit + spare})
			if _, err := buffered.Peek(1); errors.Is(err, io.EOF) {
				return buffered, "", nil // an empty body is not compressed
			}
			if reader, err = gzip.NewReader(buffered); err != nil {
				return nil, "", err
			}
		case "deflate":
			reader = inflate(&hollow{reader, 2*limit + spare})
		default:
			return reader, name, nil
		}
	}
	return reader, "", nil
}

// inflate reads both things that servers call deflate: zlib, as it should
// be, and bare deflate.
func inflate(from io.Reader) io.Reader {
	buffered := bufio.NewReader(from)
	head, err := buffered.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		if reader, err := zlib.NewReader(buffered); err == nil {
			return reader
		}
	}
	if errors.Is(err, io.EOF) && len(head) == 0 {
		return buffered
	}
	return flate.NewReader(buffered)
}

// explain tells a body that is wrong from one that did not come whole.
func (s *source) explain(err error) error {
	var corrupt flate.CorruptInputError
	if s.ended && errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, errHollow) || errors.Is(err, zlib.ErrChecksum) ||
		errors.Is(err, zlib.ErrHeader) || errors.As(err, &corrupt) {
		return executors.Errorf(executors.ExecutionError, "the body is not compressed as its content-encoding says: %w", err)
	}
	if err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	return nil
}
