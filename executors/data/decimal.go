package data

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

// decimal is coefficient × 10^exponent, exactly. The coefficient is small
// where it fits, big where not: most data is small, and stays cheap.
type decimal struct {
	small    int64
	big      *big.Int // set where small does not hold it
	exponent int
}

// parse reads a JSON number. Its length and exponent have been bounded where
// the JSON was read.
func parse(n json.Number) (decimal, bool) {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return decimal{small: i}, true
	}
	mantissa, power := string(n), 0
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		p, err := strconv.Atoi(mantissa[i+1:])
		if err != nil || p > maxExponent || p < -maxExponent {
			return decimal{}, false
		}
		mantissa, power = mantissa[:i], p
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	d := decimal{exponent: power - len(fraction)}
	if i, err := strconv.ParseInt(digits, 10, 64); err == nil {
		d.small = i
		return d, true
	}
	var ok bool
	if len(digits) > maxExponent {
		return decimal{}, false
	}
	d.big, ok = new(big.Int).SetString(digits, 10)
	return d, ok
}

// maxExponent bounds the powers of ten that are worked with.
const maxExponent = 2000

func (d decimal) coefficient() *big.Int {
	if d.big != nil {
		return d.big
	}
	return big.NewInt(d.small)
}

// scaled is the coefficient with an exponent that is not higher than d's own.
func (d decimal) scaled(exponent int) *big.Int {
	c := d.coefficient()
	if d.exponent == exponent {
		return c
	}
	return new(big.Int).Mul(c, tenTo(d.exponent-exponent))
}

func tenTo(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// plus adds in place of the larger exponent.
func (d decimal) plus(e decimal) decimal {
	if d.big == nil && e.big == nil && d.exponent == e.exponent {
		if sum := d.small + e.small; (sum > d.small) == (e.small > 0) {
			return decimal{small: sum, exponent: d.exponent}
		}
	}
	exponent := min(d.exponent, e.exponent)
	sum := new(big.Int).Add(d.scaled(exponent), e.scaled(exponent))
	if sum.IsInt64() {
		return decimal{small: sum.Int64(), exponent: exponent}
	}
	return decimal{big: sum, exponent: exponent}
}

func (d decimal) compare(e decimal) int {
	if d.big == nil && e.big == nil && d.exponent == e.exponent {
		switch {
		case d.small < e.small:
			return -1
		case d.small > e.small:
			return 1
		}
		return 0
	}
	exponent := min(d.exponent, e.exponent)
	return d.scaled(exponent).Cmp(e.scaled(exponent))
}

// What a result is rounded to. Sums are exact to exactDigits, which no
// ordinary data comes near; a quotient that does not end has as many digits
// as tell two floating-point numbers apart.
const (
	exactDigits    = 80
	quotientDigits = 17
	endingDigits   = 34
)

// over divides by a count: exactly where the quotient ends within
// endingDigits digits, else rounded to quotientDigits, or to as many as d has.
func (d decimal) over(n int) decimal {
	c, divisor := d.coefficient(), big.NewInt(int64(n))
	shift := max(0, endingDigits+digitCount(divisor)-digitCount(c))
	q, r := new(big.Int).QuoRem(new(big.Int).Mul(c, tenTo(shift)), divisor, new(big.Int))
	if r.Sign() == 0 {
		return decimal{big: q, exponent: d.exponent - shift}
	}
	// One more digit stands for all that follow, so that a half is no tie.
	q.Add(q.Mul(q, big.NewInt(10)), big.NewInt(int64(c.Sign())))
	return decimal{big: q, exponent: d.exponent - shift - 1}.rounded(max(quotientDigits, digitCount(c)))
}

func digitCount(n *big.Int) int {
	return len(strings.TrimPrefix(n.String(), "-"))
}

// trimmed takes the zeros off the end of the coefficient.
func (d decimal) trimmed() decimal {
	text := d.coefficient().String()
	kept := strings.TrimRight(text, "0")
	if kept == "" || kept == "-" {
		return decimal{big: new(big.Int)}
	}
	c, _ := new(big.Int).SetString(kept, 10)
	return decimal{big: c, exponent: d.exponent + len(text) - len(kept)}
}

// rounded keeps so many digits, half to even.
func (d decimal) rounded(digits int) decimal {
	c := d.coefficient()
	drop := digitCount(c) - digits
	if drop <= 0 {
		return d
	}
	unit := tenTo(drop)
	q, r := new(big.Int).QuoRem(c, unit, new(big.Int))
	r.Abs(r.Lsh(r, 1))
	if half := r.Cmp(unit); half > 0 || half == 0 && q.Bit(0) == 1 {
		q.Add(q, big.NewInt(int64(c.Sign())))
	}
	return decimal{big: q, exponent: d.exponent + drop}
}

// number writes d as JSON: plainly where that is short, else as 1.5e+300.
func (d decimal) number() json.Number {
	if d.big == nil && d.exponent == 0 {
		return json.Number(strconv.FormatInt(d.small, 10))
	}
	d = d.rounded(exactDigits).trimmed()
	sign, digits := "", d.big.String()
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	point := len(digits) + d.exponent // where the decimal point is in digits
	switch {
	case d.exponent >= 0 && point <= exactDigits:
		return json.Number(sign + digits + strings.Repeat("0", d.exponent))
	case d.exponent < 0 && point > 0:
		return json.Number(sign + digits[:point] + "." + digits[point:])
	case d.exponent < 0 && point > -6:
		return json.Number(sign + "0." + strings.Repeat("0", -point) + digits)
	}
	mantissa := digits[:1]
	if len(digits) > 1 {
		mantissa += "." + digits[1:]
	}
	return json.Number(sign + mantissa + "e" + strconv.Itoa(point-1))
}

// canonical appends one text for all ways of writing the same number.
func (d decimal) canonical(to []byte) []byte {
	if d.big != nil {
		d = d.trimmed()
		to = d.big.Append(to, 10)
	} else {
		for d.small != 0 && d.small%10 == 0 {
			d.small /= 10
			d.exponent++
		}
		if d.small == 0 {
			return append(to, '0')
		}
		to = strconv.AppendInt(to, d.small, 10)
	}
	if d.exponent == 0 || d.big != nil && d.big.Sign() == 0 {
		return to
	}
	return strconv.AppendInt(append(to, 'e'), int64(d.exponent), 10)
}
