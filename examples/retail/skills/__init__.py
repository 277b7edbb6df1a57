"""What each tool computes: plain functions from product facts to an outcome dict, error cases included."""
