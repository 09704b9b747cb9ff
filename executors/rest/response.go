package rest

import (
	"net/http"

	"github.com/chainwright/chainwright/executors/internal/web"
)

// content is the part of a body that was read.
type content struct {
	data []byte
	cut  bool // the body is longer
	none bool // the response can't have a body
	// encoding is an unknown content encoding; "": the body is decoded.
	encoding string
	// room is the limit of the body as JSON in the output, in bytes.
	room int
}

// readBody reads and decompresses a body, up to limit bytes. After an error, it
// returns what was read.
func readBody(reply hops, limit int64, room int) (content, error) {
	if reply.last.method == http.MethodHead || reply.StatusCode == http.StatusNoContent ||
		reply.StatusCode == http.StatusResetContent || reply.StatusCode == http.StatusNotModified {
		return content{none: true}, nil
	}
	got, err := web.ReadBody(reply.Response, limit)
	return content{data: got.Data, cut: got.Cut, encoding: got.Encoding, room: room}, err
}
