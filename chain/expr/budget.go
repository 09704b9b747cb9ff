package expr

import (
	"context"
	"encoding/json"
	"time"

	"github.com/chainwright/chainwright/executors"
)

// The limits of a value with several references: the bytes of what they return as
// JSON, about, and the time that they take together. The same large result may be
// referred to many times.
const (
	maxValue    = 64 << 20
	maxTogether = 30 * time.Second
)

// bounded returns what references read, with the limits for one value.
func bounded(env Env) *Env {
	env.left, env.until = maxValue, time.Now().Add(maxTogether)
	return &env
}

// part evaluates one part of an object or an array, and charges what its
// references return.
func (env *Env) part(ctx context.Context, n node) (any, *executors.Error) {
	v, err := n.eval(ctx, env)
	if err != nil {
		return nil, err
	}
	switch n.(type) {
	case *object, *array:
		return v, nil // their parts are charged
	}
	switch env.charge(v); {
	case env.left < 0:
		return nil, executors.Errorf(executors.ValidationError, "the references in this value return more than %d bytes together", maxValue).
			WithHint("refer to large values once, or to the parts that are needed")
	case time.Now().After(env.until):
		return nil, executors.Errorf(executors.TimeoutError, "the references in this value took longer than %s together", maxTogether).
			WithHint("use fewer or simpler references")
	}
	return v, nil
}

// charge takes the length of a value as JSON, about, and stops when nothing is
// left.
func (env *Env) charge(v any) {
	switch v := v.(type) {
	case string:
		env.left -= len(v)
	case json.Number:
		env.left -= len(v)
	case []any:
		for i := 0; i < len(v) && env.left >= 0; i++ {
			env.charge(v[i])
		}
	case map[string]any:
		for key, each := range v {
			if env.left < 0 {
				return
			}
			env.left -= len(key) + len(`"":`)
			env.charge(each)
		}
	}
	env.left -= len("[],")
}
