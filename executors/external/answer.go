package external

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/internal/process"
	"github.com/chainwright/chainwright/executors/plainjson"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// outcome returns the result of a call from the exit code and the standard
// output of its program. lastLine is the last line of its standard error.
func outcome(def *executors.Definition, result process.Result, note string) (any, error) {
	output, said, err := readAnswer(def, result.Stdout.Bytes)
	if result.Code == 0 || said && err != nil {
		return output, err
	}
	code := strconv.Itoa(result.Code)
	message := "its program ended with exit code " + code
	if result.Code < 0 {
		message = "its program was killed by signal " + strconv.Itoa(-result.Code)
	}
	if note != "" {
		message += ": " + note
	}
	failed := executors.Errorf(executors.ExecutionError, "%s failed: %s", def.ID, message).WithCode(code)
	failed.Exited = result.Code > 0
	return output, failed
}

// readAnswer decodes the standard output of a program. A JSON object whose
// status is completed, failed or cancelled is read as that status; any other
// JSON value is the output. isJSON distinguishes an error that the program
// reported from output that is not JSON.
func readAnswer(def *executors.Definition, raw []byte) (output any, isJSON bool, err error) {
	raw = bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
	if len(raw) == 0 {
		return nil, false, executors.Errorf(executors.ExecutionError, "%s returned nothing: its program wrote no JSON to standard output", def.ID)
	}
	value, err := strictjson.Decode(raw)
	if err != nil {
		return nil, false, executors.Errorf(executors.ExecutionError, "the output of %s is not valid JSON: %w", def.ID, err).
			WithHint("a program must write exactly one JSON value to standard output; write logs and other text to standard error")
	}
	answer, ok := value.(map[string]any)
	if !ok {
		return json.RawMessage(raw), true, nil
	}
	status, _ := answer["status"].(string)
	switch status {
	case "completed":
		if def.Output.HasProperty("status") {
			return json.RawMessage(raw), true, nil
		}
		return without(answer, "status"), true, nil
	case "failed", "cancelled":
		failed := reportedError(def, status, answer)
		return without(answer, "status", "error", "error_type", "field", "hint", "retryable"), true, failed
	}
	return json.RawMessage(raw), true, nil
}

// without deletes the named keys from an answer. It returns nil if a failed
// answer has no other keys.
func without(answer map[string]any, names ...string) any {
	for _, name := range names {
		delete(answer, name)
	}
	if len(answer) == 0 && len(names) > 1 {
		return nil
	}
	return answer
}

// reportedTypes are the error types that a program may report. Any other type
// becomes the error's code.
var reportedTypes = []executors.ErrorType{
	executors.ValidationError, executors.NotFound, executors.TimeoutError, executors.NetworkError,
	executors.AuthenticationError, executors.PermissionDenied, executors.ExecutionError,
}

func reportedError(def *executors.Definition, status string, answer map[string]any) *executors.Error {
	message := textOf(answer["error"])
	if message == "" {
		message = textOf(answer["message"])
	}
	if message == "" {
		message = def.ID + " " + status + " without an error message"
	}
	failed := executors.Errorf(executors.ExecutionError, "%s", message).WithField(textOf(answer["field"])).WithHint(textOf(answer["hint"]))
	failed.Retryable = answer["retryable"] == true
	own := textOf(answer["error_type"])
	switch known := kindOf(own); {
	case status == "cancelled":
		failed.Type = executors.Cancelled
	case known != "":
		failed.Type = known
	default:
		failed.Code = own
	}
	return failed
}

func kindOf(name string) executors.ErrorType {
	for _, known := range reportedTypes {
		if string(known) == name {
			return known
		}
	}
	return ""
}

// textOf returns a string trimmed, and any other value as JSON.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	}
	raw, err := plainjson.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}
