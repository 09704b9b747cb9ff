package data

import "strconv"

// merge combines objects into one object, or arrays into one array, in order.
// Objects are merged at every depth; other values are taken from the later
// one. Without with, the elements of data are merged with each other.
func merge(data, with any) (any, error) {
	switch data := data.(type) {
	case map[string]any:
		if with == nil {
			return data, nil
		}
		other, ok := with.(map[string]any)
		if !ok {
			return nil, invalid("with", "must be an object, as data is; got %s", kind(with))
		}
		return mergeObjects(data, other), nil
	case []any:
		if with == nil {
			return mergeElements(data)
		}
		other, ok := with.([]any)
		if !ok {
			return nil, invalid("with", "must be an array, as data is; got %s", kind(with))
		}
		return append(append(make([]any, 0, len(data)+len(other)), data...), other...), nil
	}
	return nil, invalid("data", "must be an array or an object for the operation merge; got %s", kind(data))
}

func mergeElements(list []any) (any, error) {
	if len(list) == 0 {
		return list, nil
	}
	switch list[0].(type) {
	case map[string]any:
		merged := map[string]any{}
		for i, v := range list {
			object, ok := v.(map[string]any)
			if !ok {
				return nil, invalid("data["+strconv.Itoa(i)+"]", "must be an object, as data[0] is; got %s", kind(v))
			}
			mergeInto(merged, object)
		}
		return merged, nil
	case []any:
		merged := []any{}
		for i, v := range list {
			array, ok := v.([]any)
			if !ok {
				return nil, invalid("data["+strconv.Itoa(i)+"]", "must be an array, as data[0] is; got %s", kind(v))
			}
			merged = append(merged, array...)
		}
		return merged, nil
	}
	return nil, invalid("data[0]", "must be an object or an array for the operation merge; got %s", kind(list[0]))
}

func mergeObjects(a, b map[string]any) map[string]any {
	merged := own(a).(map[string]any)
	mergeInto(merged, b)
	return merged
}

// mergeInto changes to and the objects inside it. They are copies of the
// caller's objects, and each is copied once.
func mergeInto(to, from map[string]any) {
	for k, v := range from {
		old, isObject := to[k].(map[string]any)
		object, bothObjects := v.(map[string]any)
		if isObject && bothObjects {
			mergeInto(old, object)
		} else {
			to[k] = own(v)
		}
	}
}

// own returns a deep copy of an object. Other values are never changed.
func own(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	copied := make(map[string]any, len(object))
	for k, v := range object {
		copied[k] = own(v)
	}
	return copied
}
