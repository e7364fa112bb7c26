// Package blobtest tests what is built on package blob: a store whose disk runs
// full or whose calls fail when told to, and one suite of tests that every
// [blob.Store] must pass.
package blobtest
