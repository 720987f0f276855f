/** A device as SIP knows it. */
export interface DeviceIdentity {
  deviceId: string;
  accountId: string;
  deviceName: string;
  sipUser: string;
}

export interface DeviceWithSecret extends DeviceIdentity {
  /** RFC 8760: HA1 = H(user:realm:password), hex, per algorithm. */
  ha1: { md5: string; sha256: string };
}
