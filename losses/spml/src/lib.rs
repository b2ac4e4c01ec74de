//! Single-positive multi-label losses: AN, AN-LS, WAN, IU, IUN, EPR, PR, ROLE.
