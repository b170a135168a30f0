package engines

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
)

// wholeOn is an error that names a partition with fewer replicas in sync than nodes.
func wholeOn(topics kadm.TopicDetails, nodes int) error {
	for _, t := range topics {
		for _, p := range t.Partitions {
			if len(p.ISR) < nodes {
				return fmt.Errorf("%s/%d is in sync on %v", p.Topic, p.Partition, p.ISR)
			}
		}
	}
	return nil
}
