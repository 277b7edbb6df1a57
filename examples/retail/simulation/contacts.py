"""The people and the supplier account that notes and orders refer to."""

CONTACT_NAME = "Dana Whitfield"
CONTACT_EMAIL = "dana.whitfield@northgate-foods.example.com"
CONTACT_PHONE = "+1 (415) 555-0132"
SUPPLIER_API_KEY = "sk-live-9fQ2mX7vB4tR8wLz3KdNpY6a"
