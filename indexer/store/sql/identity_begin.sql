-- What was found about an identity is looked up again if a crash takes it: thousands of such commits shall not keep the disk from the writer's.
SET LOCAL synchronous_commit TO off
