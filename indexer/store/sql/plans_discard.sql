-- Have every statement of this session planned anew when it runs next, for tables of the size that they have come to.
DISCARD PLANS
