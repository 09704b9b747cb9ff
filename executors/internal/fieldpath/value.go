package fieldpath

// In returns the value at the path inside a decoded JSON value, and whether it
// exists. A null exists.
func (p Path) In(v any) (any, bool) {
	for _, s := range p.steps {
		switch {
		case s.array:
			list, _ := v.([]any)
			i := s.index
			if i < 0 {
				i += len(list)
			}
			if i < 0 || i >= len(list) {
				return nil, false
			}
			v = list[i]
		default:
			object, _ := v.(map[string]any)
			next, ok := object[s.key]
			if !ok {
				return nil, false
			}
			v = next
		}
	}
	return v, true
}
