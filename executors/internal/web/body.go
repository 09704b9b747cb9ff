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

// maxEncodings limits how often a body can be compressed.
const maxEncodings = 3

// Body is a response body, or the beginning of one.
type Body struct {
	Data []byte
	Cut  bool // the body is longer than Data
	// Encoding is a content encoding that could not be decoded, or "".
	Encoding string
}

// ReadBody decompresses a body and reads up to limit bytes of it. With an error,
// it also returns what it has read.
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

// source is a raw body; ended reports whether its end was reached.
type source struct {
	io.Reader
	ended bool
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.ended = s.ended || errors.Is(err, io.EOF)
	return n, err
}

// compressedLimit limits the compressed bytes that are read. Input that
// decompresses to almost nothing could otherwise be read for a very long time.
type compressedLimit struct {
	io.Reader
	left int64
}

var errCompressedLimit = errors.New("its compressed form is far longer than its content")

func (l *compressedLimit) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errCompressedLimit
	}
	n, err := l.Reader.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// spare is how many bytes a compressed body may have in addition to twice the
// limit of the decompressed body.
const spare = 1 << 20

// decompress decodes the content encodings, from the last to the first. It stops
// at the first unknown encoding and returns its name.
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
			buffered := bufio.NewReader(&compressedLimit{reader, 2*limit + spare})
			if _, err := buffered.Peek(1); errors.Is(err, io.EOF) {
				return buffered, "", nil // an empty body is not compressed
			}
			if reader, err = gzip.NewReader(buffered); err != nil {
				return nil, "", err
			}
		case "deflate":
			reader = inflate(&compressedLimit{reader, 2*limit + spare})
		default:
			return reader, name, nil
		}
	}
	return reader, "", nil
}

// inflate reads both formats that servers call deflate: zlib, which is correct,
// and raw deflate.
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

// explain returns the error of a read: invalid compression, or a body that ended
// early.
func (s *source) explain(err error) error {
	var corrupt flate.CorruptInputError
	if s.ended && errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, errCompressedLimit) || errors.Is(err, zlib.ErrChecksum) ||
		errors.Is(err, zlib.ErrHeader) || errors.As(err, &corrupt) {
		return executors.Errorf(executors.ExecutionError, "the body is not compressed as its content-encoding says: %w", err)
	}
	if err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	return nil
}
