package http

import (
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/chainwright/chainwright/tools"
	"github.com/chainwright/chainwright/transport/jsonrpc"
)

// refused answers what a handler refuses with the code of its reason: the
// library has none but that of a defect. Calls of tools have answers of their
// own.
func refused(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := messageOf(r.Context())
		if m == nil || !m.IsRequest() || (m.Method != string(mcp.MethodResourcesRead) && m.Method != string(mcp.MethodPromptsGet)) {
			next.ServeHTTP(w, r)
			return
		}
		ctx, refusal := tools.WithRefusal(r.Context())
		modern := mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
		next.ServeHTTP(&refusing{ResponseWriter: w, refusal: refusal, message: m, modern: modern}, r.WithContext(ctx))
	})
}

// refusing is the answer to a request that may be refused. It can't stream,
// so the library answers in one piece, which a refusal takes the place of.
type refusing struct {
	http.ResponseWriter
	refusal *tools.Refusal
	message *jsonrpc.Message
	modern  bool
}

// WriteHeader implements http.ResponseWriter. The newest revision maps codes
// to statuses.
func (w *refusing) WriteHeader(status int) {
	if w.modern && w.refusal.Code == mcp.INVALID_PARAMS {
		status = http.StatusBadRequest
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *refusing) Write(p []byte) (int, error) {
	if w.refusal.Code == 0 {
		return w.ResponseWriter.Write(p)
	}
	err := &jsonrpc.Error{Code: w.refusal.Code, Message: w.refusal.Message}
	if _, failed := w.ResponseWriter.Write(err.Reply(w.message.ID)); failed != nil {
		return 0, failed
	}
	return len(p), nil
}
