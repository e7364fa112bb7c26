// Package tensor holds the numeric kernels of agar.
package tensor
