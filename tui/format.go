package tui

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// noValue stands for a missing number.
const noValue = "–"

// num is v in at most seven characters; missing values are –.
func num(v float64) string {
	a := math.Abs(v)
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return noValue
	case v == 0:
		return "0"
	case a >= 1e7:
		return minus(strings.Replace(fmt.Sprintf("%.1e", v), "e+0", "e", 1))
	case a >= 1e4:
		return minus(strconv.FormatFloat(v/1e3, 'f', decimals(a/1e3), 64)) + "k"
	case a < 1e-3:
		return minus(strings.Replace(fmt.Sprintf("%.1e", v), "e-0", "e-", 1))
	}
	return minus(strconv.FormatFloat(v, 'f', decimals(a), 64))
}

// decimals leaves three significant figures of a.
func decimals(a float64) int {
	switch {
	case a >= 100:
		return 0
	case a >= 10:
		return 1
	case a >= 1:
		return 2
	}
	return 3
}

// minus writes the sign as U+2212.
func minus(s string) string { return strings.ReplaceAll(s, "-", "−") }

// dial is a λ, without zeros that say nothing.
func dial(v float64) string { return minus(strconv.FormatFloat(v, 'g', 4, 64)) }

// signed is num with a sign on positive values too.
func signed(v float64) string {
	if v > 0 {
		return "+" + num(v)
	}
	return num(v)
}

// degrees is an angle.
func degrees(v float64) string {
	if math.IsNaN(v) {
		return noValue
	}
	return minus(strconv.FormatFloat(v, 'f', 1, 64)) + "°"
}

// percent is a share.
func percent(v float64) string {
	if math.IsNaN(v) {
		return noValue
	}
	return minus(strconv.FormatFloat(100*v, 'f', 1, 64)) + " %"
}

// count writes an integer with separators: 8,192.
func count[T int | int64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// counted is a number of things: 1 step, 40 steps.
func counted[T int | int64](n T, unit string) string {
	if n == 1 {
		unit = strings.TrimSuffix(unit, "s")
	}
	return count(n) + " " + unit
}

// stepName is a step, – when there is none.
func stepName(step int) string {
	if step < 0 {
		return noValue
	}
	return strconv.Itoa(step)
}

// seconds is a duration for people.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
