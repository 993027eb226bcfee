"""V2X authorities: certificates from profiles, enrolment, tickets, lists."""
