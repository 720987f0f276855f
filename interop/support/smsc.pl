# An SMS centre of one connection at a time, by Net::SMPP: an implementation of SMPP that is not the one we use.
# It prints a line for every submit_sm, and does what the text asks for: "echo …" comes back from the recipient as a
# message of a person, "throttle …" is refused once. Everything that wants a receipt gets one, its id in decimal.
use strict;
use warnings;
use Net::SMPP;

$| = 1;
my ($port) = @ARGV;
my $listener = Net::SMPP->new_listen('127.0.0.1', port => $port, smpp_version => 0x34) or die "listen: $!";
print "listening\n";
my ($next, %throttled) = (0xabc0);

while (my $link = $listener->accept) {
    while (my $pdu = $link->read_pdu) {
        my ($cmd, $seq) = ($pdu->{cmd}, $pdu->{seq});
        if ($cmd == 0x09) {
            my $good = $pdu->{system_id} eq 'us' && $pdu->{password} eq 'secret';
            print "bind ", ($good ? 'good' : 'bad'), "\n";
            $link->bind_transceiver_resp(system_id => 'perl', seq => $seq, status => $good ? 0 : 0x0e);
        } elsif ($cmd == 0x15) { $link->enquire_link_resp(seq => $seq) }
        elsif ($cmd == 0x06) { $link->unbind_resp(seq => $seq); print "unbind\n"; last }
        elsif ($cmd == 0x80000005) { print "deliver_sm_resp $pdu->{status}\n" }
        elsif ($cmd == 0x04) { submit($link, $pdu) }
    }
    close $link;
}

sub submit {
    my ($link, $pdu) = @_;
    my $text = $pdu->{short_message};
    if ($text =~ /^throttle/ && !$throttled{$text}++) {
        print "throttled\n";
        $link->submit_sm_resp(seq => $pdu->{seq}, status => 0x58, message_id => '');
        return;
    }
    my $id = $next++;
    $link->submit_sm_resp(message_id => sprintf('%X', $id), seq => $pdu->{seq});
    print join(' ', 'submit', map({ $pdu->{$_} } qw(source_addr destination_addr esm_class data_coding)),
        unpack('H*', $text)), "\n";
    my @back = (source_addr => $pdu->{destination_addr}, destination_addr => $pdu->{source_addr},
        source_addr_ton => 1, source_addr_npi => 1, dest_addr_ton => 1, dest_addr_npi => 1);
    if ($pdu->{registered_delivery} & 1) {
        $link->deliver_sm(@back, esm_class => 0x04, async => 1, short_message => sprintf('id:%010d sub:001 dlvrd:001 '
            . 'submit date:2611220501 done date:2611220502 stat:DELIVRD err:000 text:', $id));
    }
    $link->deliver_sm(@back, async => 1, short_message => $text) if $text =~ /^echo/;
}
