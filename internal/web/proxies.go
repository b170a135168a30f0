package web

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses of proxies that are believed where a request comes from.
type Proxies []netip.Prefix

// ErrProxies says how proxies are named.
var ErrProxies = errors.New("web: proxies are named by addresses or prefixes, 10.0.0.7 or 10.0.0.0/8")

// maxProxies bounds how many there may be.
const maxProxies = 256

// ParseProxies reads addresses and prefixes.
func ParseProxies(names []string) (Proxies, error) {
	if len(names) > maxProxies {
		return nil, fmt.Errorf("%w, %d of them at most", ErrProxies, maxProxies)
	}
	var all Proxies
	for _, name := range names {
		prefix, err := netip.ParsePrefix(name)
		if addr, single := netip.ParseAddr(name); single == nil {
			prefix, err = addr.Unmap().Prefix(addr.Unmap().BitLen())
		}
		if err != nil {
			return nil, fmt.Errorf("%w, not %q", ErrProxies, name)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

func (p Proxies) have(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(a.Unmap()) })
}

// through gives requests the address that the proxies say they come from: in X-Forwarded-For the last one that is no proxy of ours. Before it may
// stand whatever the client wrote.
func (p Proxies) through(h http.Handler) http.Handler {
	if len(p) == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && p.have(peer.Addr()) {
			if from, ok := p.client(r.Header.Values("X-Forwarded-For")); ok {
				r.RemoteAddr = net.JoinHostPort(from.String(), "0")
			}
		}
		h.ServeHTTP(w, r)
	})
}

// client is the last address of the headers that is no proxy's.
func (p Proxies) client(headers []string) (netip.Addr, bool) {
	hops := strings.Split(strings.Join(headers, ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		a, err := netip.ParseAddr(hop)
		if withPort, ported := netip.ParseAddrPort(hop); ported == nil { // as some write it
			a, err = withPort.Addr(), nil
		}
		if err != nil {
			return netip.Addr{}, false // what stands before it was not said by a proxy of ours
		}
		if !p.have(a) {
			return a.Unmap(), true
		}
	}
	return netip.Addr{}, false
}
