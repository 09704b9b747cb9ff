package batch

import "encoding/binary"

// filter is a Bloom filter of fixed size. It answers for most new keys that
// they have no record, which is cheaper than a query. Of a million keys that
// are not there it passes 1 in 400; of more keys, more.
type filter [1 << 18]uint64

// each calls fn with the words and bits of a key, until it returns false. A key
// is a hash, so its parts are as good as hashes of their own.
func (f *filter) each(key Key, fn func(word *uint64, bit uint64) bool) {
	for part := 0; part < len(key); part += 4 {
		at := binary.LittleEndian.Uint32(key[part:])
		if !fn(&f[at>>6%uint32(len(f))], 1<<(at&63)) {
			return
		}
	}
}

func (f *filter) add(key Key) {
	f.each(key, func(word *uint64, bit uint64) bool { *word |= bit; return true })
}

// mayHave returns false for keys that were not added.
func (f *filter) mayHave(key Key) (may bool) {
	f.each(key, func(word *uint64, bit uint64) bool { may = *word&bit != 0; return may })
	return may
}
