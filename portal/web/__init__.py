"""What every page shares: request, rendering, forms, headers, the same-origin rule, errors."""
