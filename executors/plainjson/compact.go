package plainjson

// AppendCompact appends a JSON text without the space between its parts. The
// text must have been checked before.
func AppendCompact(to, checked []byte) []byte {
	from := 0
	for i := 0; i < len(checked); i++ {
		switch checked[i] {
		case ' ', '\t', '\n', '\r':
			to = append(to, checked[from:i]...)
			from = i + 1
		case '"':
			for i++; i < len(checked) && checked[i] != '"'; i++ {
				if checked[i] == '\\' {
					i++
				}
			}
		}
	}
	return append(to, checked[min(from, len(checked)):]...)
}
