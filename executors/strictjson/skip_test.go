package strictjson_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chainwright/chainwright/executors/strictjson"
)

// Check finds a duplicate key by comparing with each key while there are few,
// and with a map when there are many. Keys of other objects don't count.
func TestCheckFindsRepeatedKeysAmongMany(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 23, 24, 25, 26, 100} {
		pairs := make([]string, n)
		for i := range pairs {
			pairs[i] = fmt.Sprintf(`"k%d": {"k0": 1, "k1": [{"k%d": 2}]}`, i, i)
		}
		fine := "{" + strings.Join(pairs, ",") + "}"
		if err := strictjson.Check([]byte(fine)); err != nil {
			t.Errorf("%d keys: %v", n, err)
		}
		for _, again := range []int{0, n / 2, n - 1} {
			text := strings.TrimSuffix(fine, "}") + fmt.Sprintf(`, "\u006b%d": 0}`, again)
			if err := strictjson.Check([]byte(text)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf(`"k%d" appears twice`, again)) {
				t.Errorf("%d keys and k%d again: %v", n, again, err)
			}
		}
	}
}
