package rest

import (
	"bytes"
	"encoding/json"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/strictjson"
)

var _ executors.Writer = (*output)(nil)

// AppendJSON writes the output. Its JSON was checked when it came, and is most
// of it: the library would read it again.
func (out *output) AppendJSON(to []byte) ([]byte, error) {
	whole := *out
	body := whole.JSON
	whole.JSON = nil
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(whole); err != nil || body == nil {
		return append(to, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), err
	}
	// Behind success, the first member: what is most asked for stands early.
	first := bytes.IndexByte(b.Bytes(), ',')
	to = append(to, b.Bytes()[:first]...)
	to = append(to, `,"json":`...)
	to = strictjson.AppendCompact(to, body)
	return append(to, bytes.TrimSuffix(b.Bytes()[first:], []byte("\n"))...), nil
}
