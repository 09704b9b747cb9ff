package rest

import (
	"net/http"

	"github.com/chainwright/chainwright/executors/web"
)

// content is what was read of a body.
type content struct {
	data []byte
	cut  bool // there is more
	none bool // the answer can have no body
	// encoding is a content encoding that is not undone, "" for none.
	encoding string
	// room is how many bytes the body may take as JSON in the output.
	room int
}

// readBody reads a body up to limit bytes, decompressed. What came is given
// beside an error too.
func readBody(way hops, limit int64, room int) (content, error) {
	if way.last.method == http.MethodHead || way.StatusCode == http.StatusNoContent ||
		way.StatusCode == http.StatusResetContent || way.StatusCode == http.StatusNotModified {
		return content{none: true}, nil
	}
	got, err := web.ReadBody(way.Response, limit)
	return content{data: got.Data, cut: got.Cut, encoding: got.Encoding, room: room}, err
}
