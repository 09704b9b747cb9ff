package data

import (
	"encoding/json"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// maxDigits limits the digits and the exponent of a number. strictjson has lower
// limits, but a jq program may compute larger numbers.
const maxDigits = 2000

// Results are rounded to these numbers of digits. No ordinary sum has more than
// exactDigits. A quotient that does not end within endingDigits gets as many
// digits as a floating-point number has.
const (
	exactDigits    = 80
	quotientDigits = 17
	endingDigits   = 34
)

// parse returns the exact value of a JSON number, or false if it is out of range.
func parse(n json.Number) (*apd.Decimal, bool) {
	if len(n) > maxDigits {
		return nil, false
	}
	d, _, err := apd.NewFromString(string(n))
	return d, err == nil && d.Form == apd.Finite && d.Exponent <= maxDigits && d.Exponent >= -2*maxDigits
}

// rounding returns a context that rounds to a number of digits, half to even. It
// does not round if digits is 0.
func rounding(digits int64) *apd.Context {
	c := apd.BaseContext.WithPrecision(uint32(digits))
	c.Rounding = apd.RoundHalfEven
	return c
}

// add adds d to the total, exactly. It can't fail within maxDigits.
func add(total, d *apd.Decimal) { _, _ = apd.BaseContext.Add(total, total, d) }

// divide returns d/n. The result is exact if it ends within endingDigits.
// Otherwise it is rounded to quotientDigits, or to as many digits as d has.
func divide(d *apd.Decimal, n int) *apd.Decimal {
	q, by, digits := new(apd.Decimal), apd.New(int64(n), 0), d.NumDigits()
	if rounded, _ := rounding(max(endingDigits, digits)).Quo(q, d, by); rounded.Inexact() {
		_, _ = rounding(max(quotientDigits, digits)).Quo(q, d, by)
	}
	return q
}

// number writes d as JSON: in plain form if that is short, otherwise as 1.5e300.
func number(d *apd.Decimal) json.Number {
	rounded := new(apd.Decimal)
	_, _ = rounding(exactDigits).Round(rounded, d)
	rounded.Reduce(rounded)
	if point := rounded.NumDigits() + int64(rounded.Exponent); point > -6 && point <= exactDigits {
		return json.Number(rounded.Text('f'))
	}
	return json.Number(strings.Replace(rounded.Text('e'), "e+", "e", 1))
}

// canonical appends a text that is the same for all forms of a number.
func canonical(to []byte, d *apd.Decimal) []byte {
	reduced, _ := new(apd.Decimal).Reduce(d)
	return reduced.Append(to, 'e')
}
