"""The leader's periodic jobs: one module for each job, and one registry."""
