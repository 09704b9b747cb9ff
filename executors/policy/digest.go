package policy

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/chainwright/chainwright/executors/plainjson"
)

// Digest returns a digest of the policy: equal policies have equal digests. It
// is recorded with every run, so that a process that continues the run can see
// whether it is permitted the same.
//
// It is the SHA-256 of the configuration, as hex. The values of variables and
// files that the configuration names are not part of it.
func (p *Policy) Digest() string {
	p.digesting.Do(func() {
		sum := sha256.Sum256(plainjson.Must(p.config)) // plain structs always encode
		p.digest = hex.EncodeToString(sum[:])
	})
	return p.digest
}
