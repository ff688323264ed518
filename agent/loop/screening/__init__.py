"""Early rejection: stops evaluating a candidate that can no longer reach the Pareto front."""
