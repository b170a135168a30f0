//go:build !race

package bubble

func oneThread() {}
