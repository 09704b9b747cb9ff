package rest

import (
	"bytes"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/plainjson"
)

var _ executors.Writer = (*output)(nil)

// AppendJSON encodes the output. The body was validated when it was read, so it
// is copied: json.Marshal would scan it again.
func (out *output) AppendJSON(to []byte) ([]byte, error) {
	whole := *out
	body := whole.JSON
	whole.JSON = nil
	if body == nil {
		return plainjson.Append(to, whole)
	}
	rest, err := plainjson.Marshal(whole)
	if err != nil {
		return to, err
	}
	// The body follows the first member, success, so that it comes early.
	first := bytes.IndexByte(rest, ',')
	to = append(append(to, rest[:first]...), `,"json":`...)
	return append(plainjson.AppendCompact(to, body), rest[first:]...), nil
}
