package external

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/chainwright/chainwright/executors"
	"github.com/chainwright/chainwright/executors/process"
	"github.com/chainwright/chainwright/executors/strictjson"
)

// judge makes the outcome of how a program ended and what it answered.
func judge(def *executors.Definition, result process.Result, note string) (any, error) {
	output, said, err := readAnswer(def, result.Stdout.Bytes)
	if result.Code == 0 || said && err != nil {
		return output, err
	}
	code := strconv.Itoa(result.Code)
	message := "its program ended with exit code " + code
	if result.Code < 0 {
		message = "its program was ended by signal " + strconv.Itoa(-result.Code)
	}
	if note != "" {
		message += ": " + note
	}
	return output, executors.Errorf(executors.ExecutionError, "%s failed: %s", def.ID, message).WithCode(code)
}

// readAnswer reads what a program wrote. An object whose status is completed,
// failed or cancelled is taken as said; anything else is the output. The error
// of an answer that is JSON is what the program said itself.
func readAnswer(def *executors.Definition, raw []byte) (output any, isJSON bool, err error) {
	raw = bytes.TrimSpace(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")))
	if len(raw) == 0 {
		return nil, false, executors.Errorf(executors.ExecutionError, "%s answered nothing: its program wrote no JSON to its standard output", def.ID)
	}
	value, err := strictjson.Decode(raw)
	if err != nil {
		return nil, false, executors.Errorf(executors.ExecutionError, "the answer of %s is not JSON: %w", def.ID, err).
			WithHint("a program answers with one JSON value on its standard output; everything else that it says goes to its standard error")
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
		failed := saidError(def, status, answer)
		return without(answer, "status", "error", "error_type", "field", "hint", "retryable"), true, failed
	}
	return json.RawMessage(raw), true, nil
}

// without is what an answer holds beside the words about how it ended; nil
// where that is nothing, and it did not end well.
func without(answer map[string]any, names ...string) any {
	for _, name := range names {
		delete(answer, name)
	}
	if len(answer) == 0 && len(names) > 1 {
		return nil
	}
	return answer
}

// saidTypes are the kinds of failure that a program may name; its own names
// become the error's code.
var saidTypes = []executors.ErrorType{
	executors.ValidationError, executors.NotFound, executors.TimeoutError, executors.NetworkError,
	executors.AuthenticationError, executors.PermissionDenied, executors.ExecutionError,
}

func saidError(def *executors.Definition, status string, answer map[string]any) *executors.Error {
	message := textOf(answer["error"])
	if message == "" {
		message = textOf(answer["message"])
	}
	if message == "" {
		message = def.ID + " " + status + " and gave no reason"
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
	for _, known := range saidTypes {
		if string(known) == name {
			return known
		}
	}
	return ""
}

// textOf is a value as a text: JSON, but for one that is a text.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}
