// Package pushfakes has what the fakes of push services share: the phones that show what came, and the faults they are told to
// have. Each vendor's fake is a package beside it, and speaks the vendor's protocol as strictly as the vendor says: what the vendor would refuse is
// refused with the vendor's answer. No fake shares code with the connector of its vendor.
package pushfakes
