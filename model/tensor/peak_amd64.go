//go:build !noasm

package tensor

//go:generate go run -C _generate/peak peak.go -out ../../peak_amd64.s -stubs ../../peak_stubs_amd64.go -pkg tensor
